"""``python -m vtrain``: the command without its script."""

from vtrain.cli.start import main

if __name__ == "__main__":
    main()
