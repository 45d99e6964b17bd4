"""Lays out an OpenStack Keystone of its own and serves it: settings, port."""

import os
import sqlite3
import sys
import wsgiref.simple_server

from keystone.cmd import cli
from keystone.server.wsgi import initialize_public_application

settings, port = sys.argv[1:]
of = ["--config-file", settings]

# What is registered for the command line would be asked of the server, too: hence a process of its own.
laying = os.fork()
if laying == 0:
    for command in (
        ["db_sync"],
        ["fernet_setup", "--keystone-user", str(os.getuid()), "--keystone-group", str(os.getgid())],
        ["bootstrap", "--bootstrap-password", "admin-secret"],
    ):
        cli.main(argv=["keystone-manage", *of, *command], developer_config_file=None)
        cli.CONF.clear()
    os._exit(0)
if os.waitpid(laying, 0)[1] != 0:
    sys.exit("the Keystone could not be laid out")


# It keeps connections that read open, which would lock out those that write.
database = os.path.join(os.path.dirname(settings), "keystone.db")
with sqlite3.connect(database) as connection:
    connection.execute("PRAGMA journal_mode=WAL")

# One question at a time: SQLite takes one writer.
sys.argv[1:] = of
application = initialize_public_application()
wsgiref.simple_server.make_server("127.0.0.1", int(port), application).serve_forever()
