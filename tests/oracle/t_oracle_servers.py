#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Servers under the oracle: redis-server with a replica, nginx with workers and a
reload, memcached, python3's http.server.

limit: 180
long: 2400
"""
from oracle import *

conform("redis", "nginx", "memcached", "httpserver")
