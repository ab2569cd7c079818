"""Demand: business units and their goals, demands and their funnel, approvals, orders, subscriptions."""
