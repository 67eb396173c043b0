-- SPDX-License-Identifier: MIT
local hits, bytes = 0, 0
local last = ""
for round = 1, 20 do
    local s = ""
    for i = 1, 2000 do s = s .. i .. "," end
    bytes = bytes + #s
    for i = 1, 50000 do
        local key = "k" .. (i % 100) .. ":" .. i
        if key == last then hits = hits + 1 end
        last = "k" .. (i % 100) .. ":" .. i
        if key == last then hits = hits + 1 end
        bytes = bytes + #key
    end
end
print(hits, bytes)
