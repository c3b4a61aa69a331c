-- Leases alive by Redis's clock.
-- KEYS: leases (zset)
-- ARGV: none
-- Returns: now (ms), leases (ZRANGE WITHSCORES: id, until (ms))
-- Writes: nothing

local now = now_ms()
return { now, redis.call('ZRANGE', KEYS[1], now, '+inf', 'BYSCORE', 'WITHSCORES') }
