const fine: number = 1;
export default () => {
  return new Response("a"
};
