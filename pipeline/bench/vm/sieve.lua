-- SPDX-License-Identifier: MIT
local size = 100000
local count = 0
for round = 1, 50 do
    local composite = {}
    count = 0
    for i = 1, size do composite[i] = false end
    for i = 2, size do
        if not composite[i] then
            count = count + 1
            for j = i + i, size, i do composite[j] = true end
        end
    end
end
print(count)
