import { lauxlib, lua, lualib, to_luastring } from 'fengari';
import type { Exchange } from './exchange.ts';
import { escapeUri } from './nginx-uri.ts';

/**
 * `serverless-post-function` in phase access: runs the very Lua, in a Lua of JavaScript, over as much of `apisix.core` and
 * `ngx` as the rendered function needs. Another call is an error. Returns the status that ends the request; undefined: it
 * goes on.
 */
export function runPostFunction(code: string, exchange: Exchange): number | undefined {
  const { headers, target } = exchange;
  const names = new Set(headers.all.map(([name]) => name.toLowerCase()));
  const state = lauxlib.luaL_newstate();
  lualib.luaL_openlibs(state);
  const program = [
    `local headers = {${[...names].map((name) => `[${quoted(name)}]=${quoted(headers.first(name) ?? '')}`).join(',')}}`,
    `local args = {${argsOf(target.args).join(',')}}`,
    prelude,
    `local status = assert(load(${quoted(code)}))()({}, {})`,
    'return status or 0, describe()',
  ].join('\n');
  if (lauxlib.luaL_dostring(state, to_luastring(program))) {
    throw new Error(`serverless-post-function failed: ${lua.lua_tojsstring(state, -1) ?? ''}`);
  }
  const status = lua.lua_tointeger(state, -2);
  if (status !== 0) return status;
  for (const line of (lua.lua_tojsstring(state, -1) ?? '').split('\n')) {
    const [what = '', value = ''] = line.split(' ');
    if (what === 'removed') headers.remove(value);
    // A rewrite would have been written into the variable before, and win.
    else if (what === 'args' && exchange.upstreamUri === '') exchange.sentUri = `${escapeUri(target.uri)}?${value}`;
  }
  return undefined;
}

const prelude = `
local removed, sent = {}, nil
local function escape(text)
  return (text:gsub("[^%w%-%._~]", function(c) return string.format("%%%02X", c:byte()) end))
end
package.preload["apisix.core"] = function()
  return { request = {
    header = function(_, name) return headers[name:lower()] end,
    set_header = function(_, name, value)
      assert(value == nil, "only removed here")
      removed[#removed + 1] = name:lower()
    end,
    set_uri_args = function(_, new) sent = new end,
  } }
end
ngx = { req = { get_uri_args = function(max)
  assert(max == 0, "the default reads a hundred")
  return args
end } }
function describe()
  local lines, pairs_ = {}, {}
  for _, name in ipairs(removed) do lines[#lines + 1] = "removed " .. name end
  if sent then
    for name, value in pairs(sent) do
      for _, one in ipairs(type(value) == "table" and value or { value }) do
        pairs_[#pairs_ + 1] = one == true and escape(name) or escape(name) .. "=" .. escape(one)
      end
    end
    table.sort(pairs_)
    lines[#lines + 1] = "args " .. table.concat(pairs_, "&")
  end
  return table.concat(lines, "\\n")
end`;

/** As `ngx.req.get_uri_args` has them: true without a value, a table where a name came again. */
function argsOf(query: string | undefined): readonly string[] {
  const values = new Map<string, string[]>();
  for (const part of (query ?? '').split('&').filter((text) => text !== '')) {
    const [name = '', ...rest] = part.split('=');
    const value = rest.length === 0 ? 'true' : quoted(unescaped(rest.join('=')));
    values.set(unescaped(name), [...(values.get(unescaped(name)) ?? []), value]);
  }
  return [...values].map(
    ([name, all]) => `[${quoted(name)}]=${all.length === 1 ? all.join('') : `{${all.join(',')}}`}`,
  );
}

const unescaped = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));

const quoted = (text: string): string =>
  `"${[...Buffer.from(text)].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
