"""The corpus: find, decode, categorise and split images, and keep them prepared on disk.

    catalog = prepare(["logos/"], run=run, config=config.data)   # scan, decode, split, store
    images = ImageStore(run.images)
    pixels = images.input(catalog.split("train")[0].id)

Import from the submodules (`vtrain.data.prepare`, `vtrain.data.catalog`, ...): this package pulls
nothing in by itself, so that a command that reads a catalog does not load the decoders.
"""
