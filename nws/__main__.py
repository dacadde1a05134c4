"""Makes ``python -m nws`` the command `nws`, also where the script is not in the path."""

from nws.cli import main

if __name__ == "__main__":
    main(prog_name="nws")
