-- Everything stored of one user, at one moment.
-- KEYS: meta (hash), outbox (stream), state (hash)
-- ARGV: userId
-- Returns: floor, hold (ms), now (ms), outboxLength, isWaiting (0 or 1), state (HGETALL)
-- Writes: meta, when it fences

local shard = enter(KEYS[1])
local length = redis.call('XLEN', KEYS[2])

-- Whether the outbox holds an entry of the user, or is longer than one would look through.
local function is_waiting()
  if length > LOOK_THROUGH then return 1 end
  for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+')) do
    if entry[2][2] == ARGV[1] then return 1 end
  end
  return 0
end

local state = redis.pcall('HGETALL', KEYS[3])
if state.err then state = { 'status', '' } end
return { shard.floor, hold_ms(shard), shard.now, length, is_waiting(), state }
