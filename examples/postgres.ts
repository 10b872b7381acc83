// Asks a PostgreSQL database.
//
//   tresor secret put DATABASE_URL         # postgres://app:password@db.example.com:5432/app
//   tresor function deploy postgres examples/postgres.ts --tcp db.example.com:5432
//   tresor function invoke postgres
//
// The endpoint that --tcp names is the only one that the function can connect to.

import postgres from "npm:postgres@3.4.9";

const sql = postgres(Deno.env.get("DATABASE_URL") ?? "", { max: 1 });

Deno.serve(async () => {
  try {
    const [row] = await sql`select current_database() as database, version() as version, now() as time`;
    return Response.json(row);
  } catch (error) {
    console.error("the database could not be asked:", error.message);
    return Response.json({ error: "the database could not be asked" }, { status: 502 });
  }
});
