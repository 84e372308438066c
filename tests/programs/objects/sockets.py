# SPDX-License-Identifier: MIT
"""Sockets, and SSL without a network: contexts, objects in memory, sessions, certificates."""
import os
import select
import selectors
import socket
import sys
import tempfile

try:
    import ssl
except ImportError:
    ssl = None


class Held:
    pass


class Plug(socket.socket):
    """A subclass with a __dict__."""


pair = socket.socketpair()
plug = Plug()
plug.held = Held()
closed = socket.socket()
closed.close()
pair[0].settimeout(3)
files = [pair[0].makefile("rwb"), pair[1].makefile("r")]
raw = [pair[0].dup(), socket.SocketType()] if hasattr(socket, "SocketType") else []
poll = select.poll()
poll.register(pair[0])
selector = selectors.DefaultSelector()
selector.register(pair[1], selectors.EVENT_READ, Held())
addresses = socket.getaddrinfo("127.0.0.1", 80)
failures = []
for broken in (lambda: socket.socket(9999), lambda: closed.send(b"x"), lambda: socket.gethostbyname("\0")):
    try:
        broken()
    except Exception as error:
        failures.append(error)

if ssl:
    class Context(ssl.SSLContext):
        """A subclass with a __dict__."""

    client, server = [ssl.SSLContext(protocol) for protocol in
                      ((ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER) if hasattr(ssl, "PROTOCOL_TLS_CLIENT") else
                       (ssl.PROTOCOL_TLS, ssl.PROTOCOL_TLS))]
    own = Context(getattr(ssl, "PROTOCOL_TLS_CLIENT", ssl.PROTOCOL_TLS))
    own.held = Held()
    default = ssl.create_default_context()
    names = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_SERVER", ssl.PROTOCOL_TLS))
    if hasattr(names, "sni_callback"):
        names.sni_callback = lambda sock, name, context, held=Held(): None
    else:
        names.set_servername_callback(lambda sock, name, context, held=Held(): None)
    if hasattr(names, "_msg_callback"):
        names._msg_callback = lambda *arguments, held=Held(): None
    if hasattr(names, "keylog_filename"):
        names.keylog_filename = os.path.join(tempfile.gettempdir(), "libinspect-keys-%d" % os.getpid())
        os.unlink(names.keylog_filename)
    for method in ("set_psk_client_callback", "set_psk_server_callback"):
        if hasattr(own, method):
            try:
                getattr(own if "client" in method else names, method)(lambda *arguments, held=Held(): (None, b""))
            except NotImplementedError:
                pass
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    memory = [ssl.MemoryBIO() for _ in range(6)]
    memory[0].write(b"waiting")
    objects = [client.wrap_bio(memory[1], memory[2], server_hostname="example.org"),
               server.wrap_bio(memory[2], memory[1], server_side=True), names.wrap_bio(memory[3], memory[4], server_side=True)]
    objects[2].owner = objects[1]
    for each in (objects[0], objects[1], objects[0]):
        try:
            each.do_handshake()
        except ssl.SSLError as error:
            failures.append(error)
    try:
        sockets = [client.wrap_socket(pair[0], do_handshake_on_connect=False, server_hostname="example.org"),
                   server.wrap_socket(pair[1], server_side=True, do_handshake_on_connect=False)]
    except (OSError, ValueError) as error:
        failures.append(error)

    # a handshake that succeeds, without a certificate of ours: keys known to both, or none at all
    def handshake(client, server):
        """Both ends after a handshake through memory; None if these two cannot."""
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = [client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)]
        pending = [True, True]
        for _ in range(10):
            for number, end in enumerate(ends):
                if pending[number]:
                    try:
                        end.do_handshake()
                        pending[number] = False
                    except ssl.SSLWantReadError:
                        pass
                    except ssl.SSLError:
                        return None
        return None if any(pending) else ends

    anonymous = []
    for side in (0, 1):
        context = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_SERVER" if side else "PROTOCOL_TLS_CLIENT", ssl.PROTOCOL_TLS))
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if hasattr(ssl, "TLSVersion"):
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        else:
            context.options |= getattr(ssl, "OP_NO_TLSv1_3", 0)
        try:
            context.set_ciphers("aNULL:@SECLEVEL=0")
        except ssl.SSLError:
            pass
        anonymous.append(context)
    ends = handshake(*anonymous)
    if ends:
        sessions = [ends[0].session, ends[1].session, Held()]
        again = anonymous[0].wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), session=ends[0].session)
        ciphers = [end.cipher() for end in ends]
    authorities = [path for path in (ssl.get_default_verify_paths().cafile, "/etc/ssl/certs/ca-certificates.crt")
                   if path and os.path.exists(path)]
    if authorities:
        default.load_verify_locations(authorities[0])
        certificates = default.get_ca_certs()[:3]
