-- Apply changes of listings to the register: atomic, idempotent, whatever the order of arrival.
-- KEYS[1] metadata hash   KEYS[2] change log
-- ARGV[1] '1': only to the generation that a rebuild fills. Then four arguments for each listing:
--   version, zero-padded   listing key   the keys it is filed under, separated by spaces   its JSON, or '' to remove it
-- Returns the sequence of each change, 0 when this or a later version is stored; -1 when the register is not loaded.
local metadata = redis.call('HMGET', KEYS[1], 'epoch', 'loading', 'generation', 'building', 'ledger_id')
if not metadata[1] and not metadata[2] then return -1 end
local building_only, highest = ARGV[1] == '1', tonumber(metadata[5] or '0')

-- Whether the change was applied, and by how many the listings grew.
local function apply(generation, version, key, places, listing)
  local own = 'cg:' .. generation .. ':listing:' .. key
  local subject = 'cg:' .. generation .. ':subject:'
  local stored = redis.call('HMGET', own, 'version', 'filed_under')
  if stored[1] and stored[1] >= version then return false, 0 end
  local growth = 0
  if stored[2] and stored[2] ~= '' then
    for place in string.gmatch(stored[2], '%S+') do redis.call('HDEL', subject .. place, key) end
    growth = -1
  end
  for place in string.gmatch(places, '%S+') do redis.call('HSET', subject .. place, key, listing) end
  if places ~= '' then growth = growth + 1 end
  redis.call('HSET', own, 'version', version, 'filed_under', places)
  return true, growth
end

local sequences, applied, listings, building = {}, 0, 0, 0
for n = 2, #ARGV, 4 do
  local version, key, places, listing = ARGV[n], ARGV[n + 1], ARGV[n + 2], ARGV[n + 3]
  local sequence = 0
  if metadata[4] then
    local _, growth = apply(metadata[4], version, key, places, listing)
    building = building + growth
  end
  if not building_only then
    if tonumber(version) > highest then highest = tonumber(version) end
    local is_new, growth = apply(metadata[3] or '0', version, key, places, listing)
    listings = listings + growth
    if is_new then
      applied = applied + 1
      local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', '1000000', '0-*', 'listing', key, 'places', places, 'value', listing)
      sequence = tonumber(string.match(id, '-(%d+)'))
    end
  end
  sequences[#sequences + 1] = sequence
end
if building ~= 0 then redis.call('HINCRBY', KEYS[1], 'building_listings', building) end
if listings ~= 0 then redis.call('HINCRBY', KEYS[1], 'listings', listings) end
if applied ~= 0 then redis.call('HINCRBY', KEYS[1], 'applied', applied) end
if highest > tonumber(metadata[5] or '0') then redis.call('HSET', KEYS[1], 'ledger_id', string.format('%.0f', highest)) end
return sequences
