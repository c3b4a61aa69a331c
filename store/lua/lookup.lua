-- What is settled of users: never a guess from whether a key exists.
-- KEYS: meta (hash) [, state (hash)]*
-- ARGV: none
-- Returns: floor, hold (ms), forgottenBelow [, status ('' when unreadable), version, lastActive (ms), hiddenFloor]*
-- Writes: meta, when it fences

local shard = enter(KEYS[1])
-- Asked for nobody, it tells whether the shard takes changes: this one changes nothing, and is refused where they are,
-- for want of memory, by a replica, or when Redis cannot save.
if #KEYS == 1 then redis.call('HSETNX', KEYS[1], 'floor', 0) end
local reply = { shard.floor, hold_ms(shard), forgotten_below(KEYS[1], shard) }
for i = 2, #KEYS do
  local stored = redis.pcall('HMGET', KEYS[i], 'status', 'version', 'last_active', 'view', 'renewed')
  local status, last_active = stored[1] or stored.err and '' or 'OFFLINE', stored[3]
  if status ~= 'OFFLINE' then last_active = string.match(stored[4] or '', '^%d+') end
  local n = #reply
  reply[n + 1] = status
  reply[n + 2] = math.max(tonumber(stored[2]) or 0, shard.floor)
  reply[n + 3] = tonumber(last_active) or 0
  reply[n + 4] = math.max(tonumber(stored[5]) or 0, shard.floor)
end
return reply
