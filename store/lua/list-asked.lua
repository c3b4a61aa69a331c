-- A viewer's index of what they asked for: all that waits, and maybe some that does not any more.
-- KEYS: asked (zset)
-- ARGV: requestTtl (ms)
-- Returns: now (ms), members (ZRANGE WITHSCORES: member, askedAt (ms))
-- Writes: nothing

local now = now_ms()
return { now, redis.call('ZRANGE', KEYS[1], now - tonumber(ARGV[1]), '+inf', 'BYSCORE', 'WITHSCORES') }
