-- Ends requests to be told of a user: whoever removes one has it.
-- KEYS: state (hash), awaiting (hash)
-- ARGV: none [, field]*
-- Returns: the fields that were there
-- Writes: awaiting; the mark in state, when nobody waits any more

local claimed = {}
for _, field in ipairs(ARGV) do
  if redis.call('HDEL', KEYS[2], field) == 1 then claimed[#claimed + 1] = field end
end
if redis.call('HLEN', KEYS[2]) == 0 then redis.call('HDEL', KEYS[1], 'awaited') end
return claimed
