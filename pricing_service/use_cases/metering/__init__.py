"""Metering: how usage comes in, is corrected, and which meters read it.

bodies       what a request holds (CloudEvents structured, binary, batched; NDJSON)  →  events
rules        what they are held against: policy, calendar, meters, subscriptions
ingest       events  →  what each of them became
store        the rows, at the speed of the database
corrections  which events count afterwards
intake       single events of many requests, in one transaction
meters       declaring meters, and the policy
"""
