"""`python -m stream_app.cli` is `ltv`."""

from stream_app.cli import main

if __name__ == "__main__":
    main()
