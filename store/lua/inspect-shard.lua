-- One shard at one moment.
-- KEYS: meta (hash), deadlines (zset), outbox (stream)
-- ARGV: none
-- Returns: floor, hold (ms), owner ('' for nobody), ownerLeft (ms), users, outboxLength
-- Writes: meta, when it fences

local meta, deadlines, outbox = KEYS[1], KEYS[2], KEYS[3]
local shard = enter(meta)
local stored = redis.call('HMGET', meta, 'owner', 'owner_until')
local left = (tonumber(stored[2]) or 0) - shard.now
local owner = stored[1] and left >= 0 and stored[1] or ''
return { shard.floor, hold_ms(shard), owner, left, redis.call('ZCARD', deadlines), redis.call('XLEN', outbox) }
