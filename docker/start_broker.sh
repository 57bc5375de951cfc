#!/bin/sh
# Starts Mosquitto with the one account of the program; its password comes from the environment.
set -eu
umask 077
mosquitto_passwd -b -c /mosquitto/data/passwords ioc "$BROKER_PASSWORD"
chown -R mosquitto:mosquitto /mosquitto/data
exec mosquitto -c /mosquitto/config/mosquitto.conf
