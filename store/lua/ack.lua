-- Removes entries from the outbox: exactly those of which every message was acknowledged.
-- KEYS: outbox (stream)
-- ARGV: none [, entryId]*
-- Returns: how many were there
-- Writes: outbox

return redis.call('XDEL', KEYS[1], unpack(ARGV))
