"""`python -m poseda_cli`."""

from poseda_cli.commands.app import main

if __name__ == "__main__":
    main()
