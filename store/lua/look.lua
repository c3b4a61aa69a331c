-- Settles users whose time has come, or of whom Redis hinted so. All are computed before the first is written.
-- KEYS: meta (hash), deadlines (zset), outbox (stream), bell (channel) [, state (hash), presence (string)]*
-- ARGV: leaseTtl (ms) [, userId]*
-- Returns: nothing
-- Writes: of a user whose session died, all keys; of the others their entry in deadlines

local shard = enter(KEYS[1])
local ttl = tonumber(ARGV[1])
local looked = {}
for i = 1, #ARGV - 1 do
  local keys = { deadlines = KEYS[2], outbox = KEYS[3], state = KEYS[3 + 2 * i], presence = KEYS[4 + 2 * i] }
  local user = load_user(ARGV[i + 1], keys.state)
  looked[i] = { keys, user, settle(shard, user, ttl, nil, '') }
end
local appended = false
for i = 1, #looked do
  appended = save(shard, unpack(looked[i], 1, 3)) or appended
end
if appended then ring(KEYS[4]) end
