#!/usr/bin/env bash
# Prints the id of each tick of the stream $1, for ever; returns with the last id it has.
last=
while :; do
  while IFS= read -r line; do
    case $line in
      "event: "*) event=${line#event: } ;;
      "id: "*) id=${line#id: } ;;
      "data: "*) [ "$event" = prices ] && last=$id && echo "$last" ;;
    esac
  done < <(exec curl -sN ${last:+-H "Last-Event-ID: $last"} "$1")
  sleep 0.2
done
