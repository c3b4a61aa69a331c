-- Fences the shard by hand, and empties the outbox when asked to: what was in it is then read after the hold.
-- KEYS: meta (hash), outbox (stream)
-- ARGV: truncate (0 or 1)
-- Returns: floor, hold (ms)
-- Writes: meta, outbox

local shard = enter(KEYS[1])
fence(KEYS[1], shard)
if ARGV[1] == '1' then redis.call('XTRIM', KEYS[2], 'MAXLEN', 0) end
return { shard.floor, hold_ms(shard) }
