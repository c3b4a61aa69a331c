-- Changes one session or the choice of a user, or announces the user, and settles.
-- KEYS: meta (hash), deadlines (zset), outbox (stream), bell (channel), state (hash), presence (string)
-- ARGV: leaseTtl (ms), kind, userId, trace, sessionId, gatewayId, device, activity, epoch, age (ms or ''), chosen, choiceAge (ms or ''), grace (ms), revision, only (JSON array), causeAge (ms), shown (version or ''), renew (PRESENT, ALWAYS, VIEW or '')
-- Returns: floor, hold (ms), status, version, lastActive (ms), chosen, revision, sessionAlive (0 or 1), problem;
--          or FULL: the user has too many sessions for one more, and nothing was written
-- Writes: all of the user's keys and their entry in deadlines; outbox on a transition or announcement;
--         bell then and when the user is the next to be looked at

local ttl, kind, user_id, trace, session_id, gateway, device, activity, epoch, age, chosen, choice_age, grace, revision, only, cause_age, shown, renew =
  unpack(ARGV)
ttl, epoch, age, grace = tonumber(ttl), tonumber(epoch), tonumber(age), tonumber(grace)
local keys = { deadlines = KEYS[2], outbox = KEYS[3], state = KEYS[5], presence = KEYS[6] }
local shard = enter(KEYS[1])
local user = load_user(user_id, keys.state)

local function choose(at)
  user.chosen, user.chosen_at = chosen, at
  put(user, 'chosen', chosen)
  put(user, 'chosen_at', at)
end

-- Decimal uint64 strings: compared as numbers, without losing digits.
local function is_later(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end

-- Each returns the cause of a transition that it brings about, or nil if it was refused.
local apply = {}

function apply.open()
  local session = find_session(user, session_id)
  if not session then
    if not make_room(shard, user) then return nil end
    session = { id = session_id }
    user.sessions[#user.sessions + 1] = session
  end
  session.beat, session.deadline = shard.now - age, shard.now - age + ttl
  session.epoch, session.closing, session.activity = epoch, false, activity
  session.gateway, session.trace, session.device = gateway, trace, device
  put_session(user, session)
  local is_told = choice_age ~= '' and chosen ~= user.chosen
  if is_told and shard.now - choice_age > user.chosen_at then choose(shard.now - choice_age) end
  return 'OPENED'
end

-- An epoch that is not above the session's own is a change that was overtaken.
function apply.activity()
  local session = find_session(user, session_id)
  if session and not session.closing and is_alive(shard, session.deadline) and epoch > session.epoch then
    session.activity, session.epoch = activity, epoch
    if trace ~= '' then session.trace = trace end
    put_session(user, session)
    see(user, shard.now - cause_age)
  end
  return 'ACTIVITY'
end

function apply.choose()
  choose(shard.now)
  see(user, shard.now)
  return 'CHOSEN'
end

-- What a beat would have done that came first.
local function hear(session, beat)
  if session.closing or not is_alive(shard, session.deadline) then return end
  session.beat = math.max(session.beat, beat)
  session.deadline = math.max(session.deadline, beat + ttl)
end

function apply.close()
  local session = find_session(user, session_id)
  if session and grace <= 0 then
    if is_alive(shard, session.deadline) then see(user, shard.now) end
    drop_sessions(user, { [session] = true })
  elseif session then
    if age then hear(session, shard.now - age) end
    session.closing, session.deadline = true, math.min(session.deadline, shard.now + grace)
    put_session(user, session)
  end
  return grace > 0 and 'CLOSED' or 'LOGOUT'
end

function apply.announce()
  if is_later(revision, user.revision) then
    user.revision = revision
    put(user, 'revision', revision)
  end
  return 'ANNOUNCED'
end

-- A change gets a version above all that was shown before it, so one who has not changed is not above `shown`. One who
-- has, but not since the floor rose or others saw another mode, is shown with the same version as what `only` were
-- shown: only a new version tells them.
local function announce(origin)
  local is_offline = user.status == 'OFFLINE'
  if renew == 'PRESENT' and not is_offline then see(user, shard.now) end
  local is_shown = is_offline and shown ~= '' and changed_version(user) <= tonumber(shown)
  local is_tied = is_offline and shown ~= '' and not is_shown and user.version <= hidden_floor(shard, user)
  local is_renewed = renew == 'ALWAYS' or renew == 'PRESENT' and (not is_offline or is_tied)
  if is_renewed then next_version(shard, user) end
  if renew == 'ALWAYS' then renew_hidden(shard, user) end
  if renew == 'PRESENT' or renew == 'VIEW' then put(user, 'hidden', digits(user.version)) end
  if only == '[]' then return end
  tell(shard, user, origin, only)
  tell_horizon(shard, user, KEYS[1])
  if is_shown and not is_renewed then
    mark_quiet(user, 'ALL')
  elseif renew == 'PRESENT' then
    mark_quiet(user, 'PULLED')
  elseif renew == 'VIEW' then
    mark_quiet(user, 'VIEW')
  end
end

local cause = apply[kind]()
if not cause then return 'FULL' end
local origin = { cause = cause, trace = trace, at = shard.now - cause_age }
local sum = settle(shard, user, ttl, origin)
if kind == 'announce' then announce(origin) end
if save(shard, keys, user, sum) then ring(KEYS[4]) end

return {
  shard.floor, hold_ms(shard), user.status, math.max(user.version, shard.floor), last_active(user),
  user.chosen, user.revision, (session_id == '' or find_session(user, session_id)) and 1 or 0,
  damage_of(user),
}
