-- SPDX-License-Identifier: MIT
local size = 1000000
local count = 0
for round = 1, 5 do
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
