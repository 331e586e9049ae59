<?php

function hello(): void
{
    echo "hello from a phar\n";
}
