"""Nothing here is collected where MindSpore is not installed."""

import os
from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("mindspore") else ["*"]

# Its warnings are many, and of itself: each import, each deprecated optimizer.
os.environ.setdefault("GLOG_v", "3")
