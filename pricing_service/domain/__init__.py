"""Pure rules of cost and price: standard library, `services.errors` and `services.money` alone."""
