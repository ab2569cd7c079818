"""The door: the data path from a client to a service, in raw ASGI because a framework's route costs more than the rest.

routing    which service a path belongs to, and which paths are refused outright
headers    what may pass in each direction (RFC 9110 §7.6.1, §7.6.3, RFC 7239, W3C Trace Context)
upstreams  the two ways to reach a service: a plain call in this process, or HTTP
exchange   one request on its way: limits, time-outs, what may still be said to the client
proxy      the ASGI application that puts these together
"""
