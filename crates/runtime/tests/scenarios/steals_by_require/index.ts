export default () => {
  const taken = require("/etc/passwd.json");
  return Response.json(taken);
};
