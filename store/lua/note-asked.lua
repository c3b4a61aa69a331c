-- Notes in the viewer's own index what they are about to ask for; the request itself is with the subject.
-- KEYS: asked (zset)
-- ARGV: member, limit, requestTtl (ms)
-- Returns: 1, or 0 when the index is full
-- Writes: asked

local ttl, now = tonumber(ARGV[3]), now_ms()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ttl)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ttl)
return 1
