-- Extends sessions that are alive; never revives a closed or lapsed one. The hottest script: three calls a session.
-- KEYS: meta (hash) [, state (hash), presence (string)]*
-- ARGV: leaseTtl (ms) [, sessionId, age (ms), epoch]*
-- Returns: floor, hold (ms), outcomes (a letter a session: O ok, U unknown, L lapsed, C closed, E epoch)
-- Writes: of a session extended, its record and the user's beat and latest; the presence key

local shard = enter(KEYS[1])
local ttl = tonumber(ARGV[1])

-- The deadlines index stays as it is: its score, now too early, costs one look a lease.
local function extend(state, presence, field, session, user)
  local beat, latest = math.max(session.beat, user.beat), math.max(session.deadline, user.latest)
  local record = session.beat .. '|' .. session.deadline .. '|' .. session.rest
  redis.call('HSET', state, field, record, 'beat', beat, 'latest', latest)
  local last_active = beat
  if user.status == 'OFFLINE' then last_active = redis.call('HGET', state, 'last_active') or 0 end
  local value = '{"status":"' .. user.status .. '","last_active":' .. last_active .. ',"server_ids":' .. user.servers .. '}'
  redis.call('SET', presence, value, 'PXAT', latest)
end

local function beat_session(state, presence, session_id, age, epoch)
  local field = 's:' .. session_id
  local stored = redis.call('HMGET', state, field, 'status', 'beat', 'latest', 'servers')
  if not stored[1] then return 'U' end
  local beat, deadline, rest = string.match(stored[1], '^(%d+)|(%d+)|(.*)$')
  local own_epoch, closing = string.match(rest, '^(%d+)|(%d)|')
  beat, deadline = tonumber(beat), tonumber(deadline)
  if closing == '1' then return 'C' end
  if not is_alive(shard, deadline) then return 'L' end
  if tonumber(own_epoch) < epoch then return 'E' end
  local heard = shard.now - age
  if heard <= beat and heard + ttl <= deadline then return 'O' end
  local session = { beat = math.max(beat, heard), deadline = math.max(deadline, heard + ttl), rest = rest }
  extend(state, presence, field, session, {
    status = stored[2] or 'OFFLINE', beat = tonumber(stored[3]) or 0, latest = tonumber(stored[4]) or 0,
    servers = stored[5] or '[]',
  })
  return 'O'
end

local outcomes = {}
for i = 1, (#KEYS - 1) / 2 do
  local age, epoch = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  outcomes[i] = beat_session(KEYS[2 * i], KEYS[2 * i + 1], ARGV[3 * i - 1], age, epoch)
end
return { shard.floor, hold_ms(shard), table.concat(outcomes) }
