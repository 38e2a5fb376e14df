import sys

if "structlog" not in sys.modules and "rich" not in sys.modules:
    # Where rich is installed for something else, structlog imports it for colours that nobody sees here: 6 MB in each
    # process of the gateway.
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog  # noqa: F401

    del sys.modules["rich"]
