"""Opens addresses of this machine, whatever proxies the environment names."""

import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
