"""`python -m services` is the command `itaas`."""

from services.cli import main

main()
