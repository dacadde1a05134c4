"""The server as a Twisted application: `twistd -ny nws.tac`.

The settings come from the environment. Without -n, twistd runs in the background.
"""

import sys
from pathlib import Path

# In a checkout this runs the checkout, installed or not. Elsewhere it runs the installed package.
here = Path(__file__).resolve().parent
if (here / "server" / "nws_server").is_dir():
    sys.path[:0] = [str(here), str(here / "server")]

from twisted.application.service import Application

from nws_server.config import Config
from nws_server.service import make_service

application = Application("nws")
make_service(Config.from_environment()).setServiceParent(application)
