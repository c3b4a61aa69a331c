-- Settles users whose time has come, or of whom Redis hinted so. All are computed before the first is written.
-- KEYS: meta (hash), deadlines (zset), outbox (stream), bell (channel) [, state (hash), presence (string)]*
-- ARGV: leaseTtl (ms) [, userId]*
-- Returns: what was wrong (userId, problem)*
-- Writes: of a user whose session died, all keys; of the others their entry in deadlines

local shard = enter(KEYS[1])
local ttl = tonumber(ARGV[1])
local nobody = { trace = '' }

-- Most users were heard of since their time was set, and have one session: then the view tells its deadline.
local function deadline_of_one(state)
  local view = redis.pcall('HGET', state, 'view')
  if type(view) ~= 'string' or is_held(shard) then return end
  local latest, sessions = string.match(view, '^%d+|(%d+)|(%d+)|')
  local deadline = tonumber(latest)
  if sessions == '1' and deadline >= shard.now and not is_stale(shard, deadline, ttl) then return latest end
end

-- Returns what is to be written.
local function look(user_id, keys)
  local deadline = deadline_of_one(keys.state)
  if deadline then return { keys, user_id, deadline } end
  local user = load_user(user_id, keys.state)
  return { keys, user, settle(shard, user, ttl, nobody) }
end

local problems = {}
local function note_problem(user_id, problem)
  problems[#problems + 1] = user_id
  problems[#problems + 1] = problem
end

-- Who cannot be settled is left out, and looked at again much later: the others must not wait.
local function try_to_look(user_id, keys)
  local is_looked, found = pcall(look, user_id, keys)
  if is_looked then return found end
  note_problem(user_id, 'left out for a while: ' .. (type(found) == 'table' and found.err or tostring(found)))
  return { keys, user_id, shard.now + LEFT_OUT_MS }
end

local looked = {}
for i = 1, #ARGV - 1 do
  looked[i] = try_to_look(ARGV[i + 1], {
    deadlines = KEYS[2], outbox = KEYS[3], state = KEYS[3 + 2 * i], presence = KEYS[4 + 2 * i],
  })
end
local appended = false
for i = 1, #looked do
  local keys, user, sum = unpack(looked[i], 1, 3)
  if type(user) == 'string' then
    redis.call('ZADD', keys.deadlines, sum, user)
  else
    appended = save(shard, keys, user, sum) or appended
    if user.damage then note_problem(user.id, damage_of(user)) end
  end
end
if appended then ring(KEYS[4]) end
return problems
