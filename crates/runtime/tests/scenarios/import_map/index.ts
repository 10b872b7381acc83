import { greet } from "greet";
import { shout } from "@lib/shout.ts";

Deno.serve(() => new Response(shout(greet("world"))));
