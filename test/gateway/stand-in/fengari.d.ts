/** What is used of fengari, a Lua in JavaScript; it has no types of its own. */
declare module 'fengari' {
  interface LuaState {
    readonly __brand: 'LuaState';
  }
  export const lua: {
    lua_tojsstring(state: LuaState, index: number): string | null;
    lua_tointeger(state: LuaState, index: number): number;
  };
  export const lauxlib: {
    luaL_newstate(): LuaState;
    luaL_dostring(state: LuaState, code: Uint8Array): boolean | number;
  };
  export const lualib: { luaL_openlibs(state: LuaState): void };
  export function to_luastring(text: string): Uint8Array;
}
