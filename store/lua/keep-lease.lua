-- Takes, renews or gives back a lease by Redis's clock. Those that ended long ago are forgotten.
-- KEYS: leases (zset)
-- ARGV: id, ttl (ms; 0 gives back)
-- Returns: ttl (ms)
-- Writes: leases

local now, ttl = now_ms(), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - STALE_DEADLINE_MS)
if ttl > 0 then redis.call('ZADD', KEYS[1], now + ttl, ARGV[1]) else redis.call('ZREM', KEYS[1], ARGV[1]) end
return math.max(0, ttl)
