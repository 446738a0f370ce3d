"""RFC 9110 and 9112 for one hop, pure: bytes of heads and bodies in, decisions and bytes out.

request.py and response.py read heads; framing.py walks chunked bodies; target.py judges targets and
hosts; reply.py makes the answers that are our own; faults.py says who broke which rule.
"""
