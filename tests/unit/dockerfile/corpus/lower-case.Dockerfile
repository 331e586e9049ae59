from alpine as base
run echo hi
copy . /src
env a=b
workdir /src
cmd ["sh"]
