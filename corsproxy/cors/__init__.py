"""The Fetch standard's server side, pure: rules in, decisions out.

vocabulary  the words: kinds, actions, reasons, the standard's lists
rule        a rule as its owner wrote it
spelling    how an origin has to be written, and what to write instead
origin      origins as browsers send them
pattern     which origins a rule allows           trie       many patterns, one look
path        paths as WSGI servers see them        selection  which rule decides
grant       ready lines for those who may read    preflight  what a preflight's answer says
vary        one more name in Vary                 cookies    Set-Cookie rewritten
decision    what becomes of one request           outcomes   all that one rule can lead to
policy      the choice among them                 browser    how a browser judges them
"""
