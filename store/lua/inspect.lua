-- Everything stored of one user, at one moment.
-- KEYS: meta (hash), outbox (stream), state (hash)
-- ARGV: none
-- Returns: floor, hold (ms), now (ms), outboxLength, state (HGETALL)
-- Writes: meta, when it fences

local shard = enter(KEYS[1])
return { shard.floor, hold_ms(shard), shard.now, redis.call('XLEN', KEYS[2]), redis.call('HGETALL', KEYS[3]) }
