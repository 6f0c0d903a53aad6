"""From records to frames, tables and pictures."""

import logging

_NO_NEWS = ("mkdir -p failed", "Matplotlib created a temporary cache")  # of a home folder that cannot be written
logging.getLogger("matplotlib").addFilter(lambda record: not record.getMessage().startswith(_NO_NEWS))
