-- Who could make a function public still can: what was one scope is two now.
UPDATE tokens SET scopes = scopes || ' functions:publish' WHERE scopes LIKE '%functions:write%';
UPDATE sessions SET scopes = scopes || ' functions:publish' WHERE scopes LIKE '%functions:write%';
UPDATE login_codes SET scopes = scopes || ' functions:publish' WHERE scopes LIKE '%functions:write%';
