"""`python -m asof` is the command line `asof`."""

from quant_assets.cli.app import main

main()
