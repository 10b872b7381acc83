const one = 1;
import two from "./missing.ts";
export default () => new Response(String(one + two));
