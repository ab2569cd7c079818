"""What the commands of `itaas` do."""
