"""What a service costs, what it is sold for, and what a business unit is charged: from ledger row to statement line."""
